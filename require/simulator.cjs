// What require('peerloom/simulator') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/simulator.js'));
