import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PythonSetup, pythonWith } from '../../support/python-environment.ts';

/** The folder of the Python package. */
export const packageFolder = join(import.meta.dirname, '../../../python');

/** A Python that has the package as it is in this folder, and what its tests need. */
export function pythonWithSources(): Promise<PythonSetup> {
  return pythonWith({
    requirements: ['--editable', `${packageFolder}[test]`],
    module: 'peerloom, pytest, hypothesis, numpy, cbor2',
    key: `${packageFolder} ${readFileSync(join(packageFolder, 'pyproject.toml'), 'utf8')}`,
    atLeast: [3, 11],
  });
}
