import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { after, before, suite } from 'node:test';
import puppeteer, { type Browser, type BrowserContext, type LaunchOptions, type Page } from 'puppeteer-core';
import { bundle, pages } from './bundle.ts';

/** A name that leads to this machine, but which browsers do not trust as they trust `localhost`. */
export const lanHost = 'peerloom-lan.test';

/** For all pages together; each origin has a fifth of it. */
const firefoxDiskKilobytes = 100_000;

interface Product {
  readonly name: string;
  /** Where systems keep it. */
  readonly paths: readonly string[];
  readonly options: LaunchOptions;
}

const products: readonly Product[] = [
  {
    name: 'Chromium',
    paths: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
    options: {
      browser: 'chrome',
      // Root has no sandbox, and /dev/shm is small in containers.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
      args: [
        '--no-sandbox',
        '--disable-dev-shm-usage',
        `--host-resolver-rules=MAP ${lanHost} 127.0.0.1`,
        // Otherwise WebRTC looks up local addresses by multicast.
        '--disable-features=WebRtcHideLocalIpsWithMdns',
      ],
    },
  },
  {
    name: 'Firefox',
    paths: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
    options: {
      browser: 'firefox',
      extraPrefsFirefox: {
        'network.dns.localDomains': lanHost,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        'dom.quotaManager.temporaryStorage.fixedLimit': firefoxDiskKilobytes,
      },
    },
  },
];

/** A page that has loaded a program, and answers calls. */
export interface TestPage {
  /** Calls a function that the program has put into `globalThis.page`. */
  call<Result>(name: string, ...args: unknown[]): Promise<Result>;
  /** What the page complained of so far: errors in its console, and errors that nobody caught. */
  readonly complaints: readonly string[];
  readonly tab: Page;
  close(): Promise<void>;
}

export interface TestBrowser {
  readonly name: string;
  /** Of the origins of its pages. */
  readonly port: number;
  /**
   * Opens a page with a program.
   *
   * @param program a file in `pages`, such as `'nodes.ts'`; `'browser-chat/'` for the example of that name; or a URL.
   * @param origin `'secure'` (default): as from https or localhost. `'insecure'`: as from `http://` in a LAN.
   * @param visitor pages of the same visitor share what browsers keep for an origin. Default: a new one each time.
   */
  open(program: string, options?: OpenOptions): Promise<TestPage>;
}

export interface OpenOptions {
  readonly origin?: 'secure' | 'insecure';
  readonly visitor?: string;
}

/** Describes tests for each browser. One that is missing is skipped, but not on the build server. */
export function inBrowsers(title: string, describe: (browser: () => TestBrowser) => void): void {
  for (const product of products) {
    const path = product.paths.find((one) => existsSync(one));
    const skip =
      path === undefined &&
      process.env.CI !== 'true' &&
      `${product.name} is not installed at ${product.paths[0]}`;
    suite(`${title}, in ${product.name}`, { skip }, () => {
      let running: RunningBrowser;
      before(async () => {
        running = await launched(product, path);
      });
      describe(() => running);
    });
  }
}

const started = new Map<string, Promise<RunningBrowser>>();
after(async () => {
  for (const browser of started.values()) await (await browser).stop();
});

/** Once for all tests of the process: it takes seconds. */
function launched({ name, options }: Product, path: string | undefined): Promise<RunningBrowser> {
  if (path === undefined) throw new Error(`${name} is not installed`);
  let browser = started.get(name);
  if (browser === undefined) {
    browser = RunningBrowser.start(name, {
      ...options,
      headless: true,
      executablePath: path,
      protocolTimeout: 60_000,
    });
    started.set(name, browser);
  }
  return browser;
}

class RunningBrowser implements TestBrowser {
  readonly name: string;
  readonly #browser: Browser;
  readonly port: number;
  readonly #stopServer: () => void;
  readonly #visitors = new Map<string, Promise<BrowserContext>>();

  private constructor(name: string, browser: Browser, server: { port: number; stop: () => void }) {
    this.name = name;
    this.#browser = browser;
    this.port = server.port;
    this.#stopServer = server.stop;
  }

  static async start(name: string, options: LaunchOptions): Promise<RunningBrowser> {
    const [browser, server] = await Promise.all([puppeteer.launch(options), servePages()]);
    return new RunningBrowser(name, browser, server);
  }

  async open(program: string, { origin = 'secure', visitor }: OpenOptions = {}): Promise<TestPage> {
    const context = visitor === undefined ? this.#browser.createBrowserContext() : this.#visitor(visitor);
    const page = await (await context).newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    const host = origin === 'secure' ? 'localhost' : lanHost;
    await page.goto(new URL(program, `http://${host}:${this.port}`).href);
    return {
      complaints,
      tab: page,
      call: async <Result>(name: string, ...args: unknown[]) =>
        (await page.evaluate(
          (name, args) => (globalThis as unknown as WithFunctions).page[name]!(...args),
          name,
          args,
        )) as Result,
      close: () => page.close(),
    };
  }

  async stop(): Promise<void> {
    this.#stopServer();
    await this.#browser.close();
  }

  #visitor(name: string): Promise<BrowserContext> {
    let visitor = this.#visitors.get(name);
    if (visitor === undefined) {
      visitor = this.#browser.createBrowserContext();
      this.#visitors.set(name, visitor);
    }
    return visitor;
  }
}

interface WithFunctions {
  readonly page: Record<string, (...args: unknown[]) => unknown>;
}

const example = resolve(import.meta.dirname, '../../examples/browser-chat');

/** Serves, for each program in `pages`, an empty page that loads it, and the program; and the example browser-chat. */
async function servePages() {
  const server = createServer(async ({ url }, response) => {
    const part = parts.get(basename(url ?? ''));
    if (part !== undefined) {
      response.setHeader('content-type', 'text/javascript');
      response.end(part);
      return;
    }
    if (url?.startsWith('/browser-chat/') === true) {
      const isPage = !url.endsWith('/page.ts');
      response.setHeader('content-type', isPage ? 'text/html; charset=utf-8' : 'text/javascript');
      response.end(
        isPage ? readFileSync(join(example, 'index.html')) : await bundleOf(join(example, 'page.ts')),
      );
      return;
    }
    const [, program, isBundle] = /^\/([\w-]+\.[jt]s)(\?bundle)?$/.exec(url ?? '') ?? [];
    if (program === undefined) {
      response.writeHead(url === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    response.setHeader('content-type', isBundle ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(
      isBundle
        ? await bundleOf(program)
        : `<!doctype html><title>${program}</title><script type="module" src="/${program}?bundle"></script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

const bundles = new Map<string, Promise<string>>();
/** What programs load beside themselves, by its name. */
const parts = new Map<string, string>();

function bundleOf(program: string): Promise<string> {
  let made = bundles.get(program);
  if (made === undefined) {
    made = bundle(readFileSync(resolve(pages, program), 'utf8')).then(({ files }) => {
      const [first, ...others] = files;
      for (const { name, text } of others) parts.set(name, text);
      return first!.text;
    });
    bundles.set(program, made);
  }
  return made;
}
