// What require('peerloom') loads.
module.exports = require('./load.cjs')(() => require('../dist/index.js'));
