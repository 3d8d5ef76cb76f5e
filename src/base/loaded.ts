import { PeerloomError } from './errors.ts';

/**
 * Waits for a part of the program that bundlers put into a separate file, which pages load when they need it.
 *
 * @throws PeerloomError `ERR_NOT_LOADED`.
 */
export async function loaded<Module>(importing: Promise<Module>): Promise<Module> {
  try {
    return await importing;
  } catch (cause) {
    throw new PeerloomError(
      'ERR_NOT_LOADED',
      'the page could not load a part of the program: check that the web server is there, and that it serves all files of the bundle. Then load the page again',
      { cause },
    );
  }
}
