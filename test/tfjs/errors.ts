/** What the ops refuse, and the messages. */
import * as tf from "@tensorflow/tfjs-core";
import { AdaNorm, adaNorm, DetachNorm, LayerNorm, layerNorm, layerNormSimple, RMSNorm } from "adanorm/tfjs";
import { assert, assertThrows, type Define } from "./harness.ts";
import { numbers } from "./norms.ts";

/** For arguments that the types refuse too. */
// biome-ignore lint/suspicious/noExplicitAny: the checks are for those who have no types
const any = (value: unknown): any => value;

export function errors(define: Define): void {
  define("tensors of other types, and what is no tensor", () => {
    const x = numbers([2, 4]);
    const refused = (message: string) => [TypeError, `layerNorm: ${message}`] as const;
    const float = "expected a float32 tensor, got";
    assertThrows(() => layerNorm(tf.zeros([2, 4], "int32")), ...refused(`x: ${float} one of int32`));
    assertThrows(() => layerNorm(tf.zeros([2, 4], "bool")), ...refused(`x: ${float} one of bool`));
    assertThrows(() => layerNorm(any([1, 2])), ...refused(`x: ${float} an Array of 2`));
    assertThrows(() => layerNorm(any(undefined)), ...refused(`x: ${float} undefined`));
    assertThrows(() => layerNorm(x, { gain: tf.ones([4], "int32") }), ...refused(`gain: ${float} one of int32`));
    assertThrows(() => layerNorm(x, { bias: any(4) }), ...refused(`bias: ${float} 4`));
    const disposed = numbers([2, 4]);
    disposed.dispose();
    assertThrows(() => layerNorm(disposed), ...refused(`x: ${float} a disposed one`));
    assertThrows(() => layerNorm(x, any(null)), ...refused("options: expected an object, got null"));
  });
  define("shapes and axes", () => {
    const x = numbers([2, 3, 4]);
    const refused = (message: string) => [RangeError, `layerNorm: ${message}`] as const;
    assertThrows(() => layerNorm(x, { gain: tf.ones([3]) }), ...refused("gain: expected shape [4], got [3]"));
    assertThrows(
      () => layerNorm(x, { axes: 2, bias: tf.ones([12]) }),
      ...refused("bias: expected shape [3,4], got [12]"),
    );
    assertThrows(() => layerNorm(x, { axes: 0 }), ...refused("axes: expected an integer >= 1, got 0"));
    assertThrows(() => layerNorm(x, { axes: 1.5 }), ...refused("axes: expected an integer >= 1, got 1.5"));
    assertThrows(() => layerNorm(x, { axes: 4 }), ...refused("axes: expected at most the rank of x, 3, got 4"));
    assertThrows(() => layerNorm(tf.scalar(1)), ...refused("axes: expected at most the rank of x, 0, got 1"));
    assertThrows(
      () => layerNorm(tf.zeros([2, 0])),
      ...refused("x: expected 1 or more elements in the last 1 of its axes, got shape [2,0]"),
    );
  });
  define("options", () => {
    const x = numbers([2, 4]);
    assertThrows(() => layerNorm(x, { eps: -1 }), RangeError, "layerNorm: eps: expected a finite number >= 0, got -1");
    assertThrows(
      () => layerNorm(x, { epsAt: any("sigma") }),
      RangeError,
      'layerNorm: epsAt: expected "variance" or "std", got "sigma"',
    );
    assertThrows(() => adaNorm(x, { scale: 0 }), RangeError, "adaNorm: scale: expected a finite number > 0, got 0");
    assertThrows(() => adaNorm(x, { k: any("1") }), TypeError, 'adaNorm: k: expected a finite number >= 0, got "1"');
    assertThrows(
      () => layerNormSimple(x, any({ gain: 1 })),
      TypeError,
      "layerNormSimple: gain: expected none, as layerNormSimple has no gain and no bias, got 1",
    );
  });
  define("arguments of layers", () => {
    const make = (Layer: typeof LayerNorm | typeof RMSNorm | typeof AdaNorm | typeof DetachNorm, args: unknown) => () =>
      new Layer(any(args));
    assertThrows(make(LayerNorm, { scale: 2 }), TypeError, "LayerNorm: scale: expected true or false, got 2");
    assertThrows(make(LayerNorm, { center: 1 }), TypeError, "LayerNorm: center: expected true or false, got 1");
    assertThrows(make(RMSNorm, { scale: 2 }), TypeError, "RMSNorm: scale: expected true or false, got 2");
    assertThrows(make(AdaNorm, { scale: true }), TypeError, "AdaNorm: scale: expected a finite number > 0, got true");
    assertThrows(
      make(DetachNorm, { center: true }),
      TypeError,
      "DetachNorm: center: expected none, as DetachNorm has no gamma and no beta, got true",
    );
    assertThrows(
      make(LayerNorm, { epsilon: -1 }),
      RangeError,
      "LayerNorm: epsilon: expected a finite number >= 0, got -1",
    );
    assertThrows(make(LayerNorm, { eps: -1 }), RangeError, "LayerNorm: eps: expected a finite number >= 0, got -1");
    assertThrows(make(LayerNorm, { axes: 0 }), RangeError, "LayerNorm: axes: expected an integer >= 1, got 0");
    assertThrows(
      make(LayerNorm, { epsilon: 1, eps: 2 }),
      RangeError,
      "LayerNorm: eps: expected the same as epsilon, 1, got 2",
    );
    assertThrows(
      make(LayerNorm, { axis: "last" }),
      TypeError,
      'LayerNorm: axis: expected an integer or an array of integers, got "last"',
    );
    assertThrows(
      make(LayerNorm, { axis: 1, axes: 1 }),
      RangeError,
      "LayerNorm: axes: expected none where axis is given, got 1",
    );
    const apply = (args: object, shape: number[]) => () => new LayerNorm(args).apply(numbers(shape));
    assertThrows(apply({ axis: 2 }, [2, 4]), RangeError, "LayerNorm: axis: expected axes of a rank of 2, got [2]");
    assertThrows(
      apply({ axis: [1, -1] }, [2, 4]),
      RangeError,
      "LayerNorm: axis: expected axes that differ, got [1,-1]",
    );
  });
  define("names that are not known", () => {
    const x = numbers([2, 4]);
    const ops = "eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale, axes, gain, bias";
    const refused = (call: string, argument: string, known: string, got: string) =>
      [TypeError, `${call}: ${argument}: expected only ${known}, got ${got}`] as const;
    assertThrows(
      () => layerNorm(x, any({ epsilon: 1e-3 })),
      ...refused("layerNorm", "options", ops, '"epsilon" (did you mean eps?)'),
    );
    assertThrows(() => adaNorm(x, any({ C: 2 })), ...refused("adaNorm", "options", ops, '"C" (did you mean scale?)'));
    assertThrows(() => layerNorm(x, any([])), TypeError, "layerNorm: options: expected an object, got an Array of 0");
    const layers =
      "name, trainable, inputShape, batchInputShape, batchSize, dtype, inputDType, weights, axis, axes, epsilon, eps, " +
      "epsAt, ddof, detachMean, detachStd, scale, center, betaInitializer, gammaInitializer, betaRegularizer, gammaRegularizer";
    assertThrows(
      () => new LayerNorm(any({ epsilom: 1 })),
      ...refused("LayerNorm", "args", layers, '"epsilom" (did you mean epsilon?)'),
    );
    assertThrows(() => new LayerNorm(any({ k: 1 })), ...refused("LayerNorm", "args", layers, '"k"'));
    assertThrows(
      () => new AdaNorm(any({ detachScales: true })),
      ...refused("AdaNorm", "args", `${layers}, k, detachScale`, '"detachScales" (did you mean detachScale?)'),
    );
    // Saved models have null for options that were not given.
    new AdaNorm(any({ k: null, nonsense: null }));
    new LayerNorm(any({ axis: 1, axes: null, epsilon: 0.5, eps: 0.5 }));
    layerNorm(x, any({ eps: null, axes: undefined, scale: 1, gain: null, bias: null }));
  });
  define("axes of layers that are no integers, none at all, or of a length that is not known", () => {
    const make = (axis: unknown) => () => new LayerNorm(any({ axis }));
    const kind = "LayerNorm: axis: expected an integer or an array of integers, got";
    assertThrows(make(1.5), RangeError, `${kind} 1.5`);
    assertThrows(make([0, 0.5]), RangeError, `${kind} 0.5`);
    assertThrows(make([]), RangeError, "LayerNorm: axis: expected 1 axis or more, got an Array of 0");
    assertThrows(
      () => new LayerNorm({ axis: 1 }).build([null, null, 3]),
      RangeError,
      "LayerNorm: axis: expected axes of a known length, got axis 1 of shape [null,null,3]",
    );
    assertThrows(
      () => new AdaNorm({ axis: 1 }).build([2, null, 3]),
      RangeError,
      "AdaNorm: axis: expected axes of a known length, got axis 1 of shape [2,null,3]",
    );
    assertThrows(
      () => new LayerNorm({ axis: -4 }).build([2, 3, 4]),
      RangeError,
      "LayerNorm: axis: expected axes of a rank of 3, got [-4]",
    );
  });
  define("a layer takes one tensor", () => {
    const two = [numbers([2, 4]), numbers([2, 4])];
    assertThrows(() => new LayerNorm().call(two, {}), RangeError, "LayerNorm: inputs: expected 1 tensor, got 2");
  });
  define("epsilon can be read from a layer", () => {
    assert(new LayerNorm({ eps: 0.25 }).epsilon === 0.25, "epsilon");
  });
  define("an error leaves no tensors behind", () => {
    const x = numbers([2, 4]);
    const { numTensors } = tf.memory();
    for (let i = 0; i < 3; i++) {
      try {
        layerNorm(x, { axes: 7 });
      } catch {}
    }
    assert(tf.memory().numTensors === numTensors, "as many tensors as before");
  });
}
