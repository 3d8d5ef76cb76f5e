/** In a separate file, because bundlers for pages cannot bundle the package. */
export const loadMdns = () => import('@libp2p/mdns');
