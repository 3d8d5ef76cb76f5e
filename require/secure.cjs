// What require('peerloom/secure') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/secure.js'));
