import { libp2pOverTcp, libp2pOverWebRtc, libp2pOverWebSocket } from '../support/libp2p-engines.ts';
import { complianceSuite } from './transport.ts';

/** `npm run test:long -- libp2p` tests every way to connect and to encrypt. */
const isLong = process.env.PEERLOOM_LIBP2P !== undefined;

complianceSuite(libp2pOverTcp('noise'));
if (isLong) {
  complianceSuite(libp2pOverTcp('tls'));
  complianceSuite(libp2pOverTcp('noise', 'a shared key'));
  complianceSuite(libp2pOverWebSocket());
  complianceSuite(libp2pOverWebRtc());
}
