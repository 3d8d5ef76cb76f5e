// What require('peerloom/tensors') loads.
module.exports = require('./load.cjs')(() => require('../dist/bundled/tensors.js'));
