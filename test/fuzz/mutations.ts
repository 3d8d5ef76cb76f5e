import fc from 'fast-check';
import { frameHeaderBytes } from '../../src/wire/frames/frame.ts';

/** Some damage to the pieces of a recording. */
export type Mutation = (frames: Buffer[]) => Buffer[];

/** A byte somewhere, more often in the header or the first bytes of the body than behind them. */
const place = fc.oneof(fc.nat(frameHeaderBytes - 1), fc.nat(40), fc.nat(300_000));

const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), place, fc.integer({ min: 1, max: 255 })).map(
    ([index, at, mask]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => {
          const changed = Buffer.from(frame);
          changed[at % changed.length]! ^= mask;
          return [changed];
        }),
  ),
  fc.nat().map(
    (index): Mutation =>
      (frames) =>
        replace(frames, index, () => []),
  ),
  fc.nat().map(
    (index): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame, frame]),
  ),
  fc.tuple(fc.nat(), place).map(
    ([index, at]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame.subarray(0, at % frame.length)]),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 30 })).map(
    ([index, bytes]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame, Buffer.from(bytes)]),
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([from, to]): Mutation =>
      (frames) => {
        if (frames.length === 0) return frames;
        const moved = [...frames];
        const [frame] = moved.splice(from % moved.length, 1);
        moved.splice(to % (moved.length + 1), 0, frame!);
        return moved;
      },
  ),
);

/** One to four of them, one after the other. */
export const anyMutations: fc.Arbitrary<Mutation> = fc
  .array(anyMutation, { minLength: 1, maxLength: 4 })
  .map((mutations) => (frames) => mutations.reduce((mutated, mutate) => mutate(mutated), frames));

function replace(frames: Buffer[], index: number, by: (frame: Buffer) => Buffer[]): Buffer[] {
  if (frames.length === 0) return frames;
  const at = index % frames.length;
  return frames.flatMap((frame, place) => (place === at ? by(frame) : [frame]));
}
