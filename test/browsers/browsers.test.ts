// In one process, which starts each browser once.
import './browser-chat.ts';
import './compression.ts';
import './demo-page.ts';
import './history.ts';
import './identity.ts';
import './libp2p.ts';
import './many-pages.ts';
import './nodes.ts';
import './page-lifecycle.ts';
import './vault.ts';
import './web-socket.ts';
