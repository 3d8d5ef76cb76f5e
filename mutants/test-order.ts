import { basename } from 'node:path';

/**
 * Sorts the test files that may notice a defect, so that most defects cost one short process: first the files named
 * after the source (`frame-reader.test.ts` and `frame-reader-breaches.test.ts` for `frame-reader.ts`), then the others
 * as they stand in `all`.
 *
 * @param files those that run the line with the defect.
 * @param all every test file of the folder, with the ones that find most at the least cost first.
 */
export function testOrder(files: readonly string[], all: readonly string[], source: string): string[] {
  const name = basename(source, '.ts');
  const isNamedAfterSource = (file: string) => {
    const test = basename(file, '.test.ts');
    return test === name || test.startsWith(`${name}-`);
  };
  const place = new Map(
    all.map((file, index) => [file, isNamedAfterSource(file) ? index - all.length : index]),
  );
  return [...files].sort((a, b) => place.get(a)! - place.get(b)!);
}
