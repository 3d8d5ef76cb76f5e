// Softmax regression: ten sums of 64 weighted pixels, of which the largest names the digit. Its state dict has the names
// and shapes of PyTorch's nn.Linear(64, 10), so that all nodes can average it.
import { type StateDict, Tensor } from 'peerloom/tensors';
import type { Images } from './digits.ts';

const [digits, pixelsOfImage] = [10, 64];

export function newModel(): StateDict {
  return {
    weight: Tensor.from(new Float32Array(digits * pixelsOfImage), { shape: [digits, pixelsOfImage] }),
    bias: Tensor.from(new Float32Array(digits)),
  };
}

/** One pass over the images by stochastic gradient descent; changes the numbers of the state in place. */
export function train(state: StateDict, { pixels, labels }: Images, rate: number): void {
  const [weight, bias] = [state.weight!.toTyped('float32'), state.bias!.toTyped('float32')];
  for (const [image, label] of labels.entries()) {
    const input = pixels[image]!;
    const sums = sumsOf(state, input);
    const largest = Math.max(...sums);
    const powers = sums.map((sum) => Math.exp(sum - largest));
    const total = powers.reduce((a, b) => a + b);
    for (let digit = 0; digit < digits; digit += 1) {
      const step = rate * (powers[digit]! / total - (digit === label ? 1 : 0));
      bias[digit]! -= step;
      for (let at = 0; at < pixelsOfImage; at += 1) weight[digit * pixelsOfImage + at]! -= step * input[at]!;
    }
  }
}

/** The share of the images whose digit the model names. */
export function accuracy(state: StateDict, { pixels, labels }: Images): number {
  const right = labels.filter((label, image) => {
    const sums = sumsOf(state, pixels[image]!);
    return sums.indexOf(Math.max(...sums)) === label;
  });
  return right.length / labels.length;
}

function sumsOf(state: StateDict, input: Float32Array): number[] {
  const [weight, bias] = [state.weight!.toTyped('float32'), state.bias!.toTyped('float32')];
  return Array.from(bias, (start, digit) => {
    let sum = start;
    for (let at = 0; at < pixelsOfImage; at += 1) sum += weight[digit * pixelsOfImage + at]! * input[at]!;
    return sum;
  });
}
