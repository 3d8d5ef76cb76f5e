// What require('peerloom/testing') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/testing.js'));
