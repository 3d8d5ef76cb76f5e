// What require('peerloom/simulator') loads.
module.exports = require('./load.cjs')(() => require('../dist/simulator/index.js'));
