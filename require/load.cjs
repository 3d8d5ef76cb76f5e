/*
 * A Node.js that is too old either runs supported-node.js of the package, which says so, or cannot require() an ES
 * module at all, and would advise to use import(). Jest has a require() of its own, which needs an option.
 */
module.exports = function load(entry) {
  try {
    return entry();
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM') throw error;
    const { node } = process.versions;
    throw new Error(
      Number.parseInt(node, 10) < 22
        ? `peerloom needs Node.js 22.18 or newer, this is ${node}`
        : 'peerloom is an ES module, which this require() cannot load; Jest can, with NODE_OPTIONS=--experimental-vm-modules',
    );
  }
};
