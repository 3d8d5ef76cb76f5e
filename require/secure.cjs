// What require('peerloom/secure') loads.
module.exports = require('./load.cjs')(() => require('../dist/secure/index.js'));
