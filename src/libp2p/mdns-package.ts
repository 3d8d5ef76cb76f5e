/** By itself, because no bundler for pages can bundle the package. */
export const loadMdns = () => import('@libp2p/mdns');
