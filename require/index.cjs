// What require('peerloom') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/peerloom.js'));
