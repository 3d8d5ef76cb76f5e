// What require('peerloom/libp2p') loads.
module.exports = require('./load.cjs')(() => require('../dist/libp2p/index.js'));
