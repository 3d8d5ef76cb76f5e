import { libp2pOverTcp } from '../support/libp2p-engines.ts';
import { complianceSuite } from './transport.ts';

/** `npm run test:long -- libp2p` tests every way of encryption. */
const isLong = process.env.PEERLOOM_LIBP2P !== undefined;

complianceSuite(libp2pOverTcp('noise'));
if (isLong) {
  complianceSuite(libp2pOverTcp('tls'));
  complianceSuite(libp2pOverTcp('noise', 'a shared key'));
}
