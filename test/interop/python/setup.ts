import { type PythonSetup, pythonWith } from '../../support/python-environment.ts';

/** A Python that has the package that these tests run against, exactly. */
export function pythonWithPackage(): Promise<PythonSetup> {
  return pythonWith({ requirements: ['p2pnetwork==1.2'], module: 'p2pnetwork.node' });
}
