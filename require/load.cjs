/*
 * A Node.js that is too old either runs supported-node.js of the package, which says so, or cannot require() an ES
 * module at all, and would advise to use import().
 */
module.exports = function load(entry) {
  try {
    return entry();
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM') throw error;
    throw new Error(`peerloom needs Node.js 22.18 or newer, this is ${process.versions.node}`);
  }
};
