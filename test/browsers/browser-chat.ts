import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { root } from '../packaging/packed.ts';
import { inBrowsers, type TestPage } from './browsers.ts';

const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

inBrowsers('the example browser-chat', (browser) => {
  test('two tabs and a terminal hear each other, and axe finds nothing', async (t) => {
    const terminal = startTerminal();
    t.after(() => terminal.process.kill());
    const address = (await terminal.prints(/ws:\S+:(\d+)/))[1]!;
    const open = async (nick: string): Promise<TestPage> => {
      const page = await browser().open(`browser-chat/?nick=${nick}&node=ws://localhost:${address}`);
      await page.tab.waitForFunction(() => document.querySelector('output')!.value.startsWith('connected'));
      return page;
    };
    const ada = await open('ada');
    await say(ada, 'hello');
    await terminal.prints(/^ada: hello$/);
    const ben = await open('ben'); // late: the history has it
    await hears(ben, 'ada hello');
    terminal.process.stdin!.write('welcome\n');
    for (const page of [ada, ben]) await hears(page, 'terminal welcome');
    await say(ben, 'thanks');
    await hears(ada, 'ben thanks');

    for (const scheme of browser().name === 'Chromium' ? ['light', 'dark'] : [undefined]) {
      if (scheme !== undefined) {
        await ada.tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      }
      assert.deepEqual(await violations(ada), [], scheme);
      if (process.env.SCREENSHOTS !== undefined) await screenshots(ada, `${browser().name}-${scheme}`);
    }
    assert.deepEqual([...ada.complaints, ...ben.complaints], []);
    await Promise.all([ada.close(), ben.close()]);
  });
});

export async function say(page: TestPage, text: string): Promise<void> {
  await page.tab.type('input', text);
  await page.tab.click('button');
}

export async function hears(page: TestPage, line: string): Promise<void> {
  await page.tab.waitForFunction(
    (line) => [...document.querySelectorAll('li')].some((item) => item.textContent === line),
    {},
    line,
  );
}

/** What axe finds. */
export async function violations(page: TestPage): Promise<string[]> {
  await page.tab.evaluate(axe);
  return page.tab.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; help: string }[] }> };
    };
    return (await axe.run()).violations.map(({ id, help }) => `${id}: ${help}`);
  });
}

/** To look at, where `SCREENSHOTS` names a folder. */
export async function screenshots({ tab }: TestPage, name: string): Promise<void> {
  for (const [size, width, height] of [
    ['desktop', 1_280, 800],
    ['phone', 390, 844],
  ] as const) {
    await tab.setViewport({ width, height });
    await tab.screenshot({ path: join(process.env.SCREENSHOTS!, `${name}-${size}.png`) });
  }
}

interface Terminal {
  readonly process: ChildProcess;
  prints(pattern: RegExp): Promise<RegExpExecArray>;
}

function startTerminal(): Terminal {
  const fromSource = join(root, 'test/support/peerloom-from-source.ts');
  const script = join(root, 'examples/browser-chat/terminal.ts');
  const child = spawn(process.execPath, ['--import', fromSource, script, '0'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const prints = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { process: child, prints };
}
