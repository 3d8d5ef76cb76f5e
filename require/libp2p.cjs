// What require('peerloom/libp2p') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/libp2p.js'));
