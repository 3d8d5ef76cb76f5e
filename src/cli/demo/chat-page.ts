import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

/** The topic of the example browser-chat, whose page the demo serves. */
export const chatTopic = 'chat';

/** The member that serves the page: the first member. */
export const pageServer = 'ada';

const example = new URL('../../../examples/browser-chat/', import.meta.url);
/** The folder in which the build puts the page's script and the modules that it imports. */
const built = new URL('../../browser/', import.meta.url);
/** Whether the program runs from its sources. The tool that bundles them is then installed. */
const isSource = import.meta.url.endsWith('.ts');
const bundler = '../../../scripts/bundle-sources.js';

let bundled: Promise<string> | undefined;

/** The address of the page that a node serves. The page connects with that node. */
export function chatPageAddress(port: number): string {
  return `http://127.0.0.1:${port}/?network=&node=ws://127.0.0.1:${port}`;
}

/** Serves the example browser-chat on the port of a node. It is the node's `onRequest`. */
export async function serveChatPage({ url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(url, 'http://127.0.0.1');
  if (pathname === '/') {
    const page = await readFile(new URL('index.html', example), 'utf8');
    response.setHeader('content-type', 'text/html; charset=utf-8').end(page.replace('page.ts', 'chat.js'));
  } else if (/^\/[\w-]+\.js$/.test(pathname)) {
    const script = isSource ? await bundledSources() : await readFile(new URL(`.${pathname}`, built));
    response.setHeader('content-type', 'text/javascript').end(script);
  } else {
    response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
  }
}

function bundledSources(): Promise<string> {
  bundled ??= import(bundler).then(async ({ bundleSources }) => {
    const entryPoints = [fileURLToPath(new URL('page.ts', example))];
    const { text } = (await bundleSources({ entryPoints })) as { text: string };
    return text;
  });
  return bundled;
}
