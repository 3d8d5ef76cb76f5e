import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { Browser } from 'puppeteer-core';

export const chromiumPath = '/usr/bin/chromium';

export const reasonToSkipBrowser =
  !existsSync(chromiumPath) && process.env.CI !== 'true' && `Chromium is not installed at ${chromiumPath}`;

/**
 * Runs a bundle in a page, until it logs `end` or fails.
 *
 * @returns what it logged and complained of, and how many files it loaded beside the bundle.
 */
export async function runInPage(
  browser: Browser,
  bundle: string,
): Promise<{ readonly lines: readonly string[]; readonly later: number }> {
  const paths: string[] = [];
  const server = createServer(async ({ url = '/' }, response) => {
    if (url === '/favicon.ico') {
      response.writeHead(204).end();
      return;
    }
    const isPage = url === '/';
    if (!isPage) paths.push(url);
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript');
    response.end(
      isPage
        ? `<!doctype html><script type="module" src="/${basename(bundle)}"></script>`
        : await readFile(join(dirname(bundle), url)).catch(() => 'throw new Error("no such file")'),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const page = await browser.newPage();
  try {
    const lines: string[] = [];
    const ended = new Promise<void>((resolve) => {
      page.on('console', (message) => {
        lines.push(message.text());
        if (message.text() === 'end') resolve();
      });
      page.on('pageerror', (error) => {
        lines.push(String(error));
        resolve();
      });
    });
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await ended;
    return { lines, later: new Set(paths).size - 1 };
  } finally {
    await page.close();
    server.close();
    server.closeAllConnections();
  }
}
