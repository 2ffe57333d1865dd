import type { NormContext } from "./arguments.js";
import { backward } from "./backward.js";
import { constantsOf } from "./call.js";
import { notItself } from "./checks.js";
import { forward } from "./forward.js";
import { showAs } from "./inspect.js";
import type { LinearMemory } from "./memory.js";
import { type AnyName, effective, readNormOptions, type Settings } from "./options.js";
import { prepareBackward, prepareForward } from "./prepared.js";
import type {
  Backward,
  BackwardOptions,
  Forward,
  ForwardOptions,
  HostArray,
  Matrix,
  Norm,
  Prepared,
  RowStats,
  SummedForward,
} from "./types.js";

type Method = "forward" | "backward" | "prepareForward" | "prepareBackward";

/**
 * A norm: its checked options, and the methods that call kernels. Calls share no state, so a norm can serve any number of
 * them.
 */
export class LinearNorm implements Norm {
  readonly #contexts: { readonly [Name in Method]: NormContext };
  readonly #settings: Settings<AnyName>;

  static {
    showAs(LinearNorm, "Norm", (norm) => {
      const { size, dtype, channels } = norm.#contexts.forward;
      const { name, ...settings } = effective(norm.#settings);
      return { name, size, dtype, ...channels, ...settings };
    });
  }

  constructor(memory: LinearMemory, name: AnyName, options: unknown) {
    const { settings, size, dtype, channels } = readNormOptions(name, options);
    const constants = constantsOf(settings, size, channels);
    const { forArrays } = memory;
    function contextOf(method: Method): NormContext {
      const call = `${name}.${method}`;
      // One literal makes all: engines are slow at objects whose shapes differ, and copies by `...` may have any.
      const on = (its: LinearMemory, forArrays: NormContext | undefined): NormContext => {
        return { call, memory: its, dtype, size, name, constants, channels, forArrays };
      };
      return on(memory, forArrays === memory ? undefined : on(forArrays, undefined));
    }
    this.#settings = settings;
    this.#contexts = {
      forward: contextOf("forward"),
      backward: contextOf("backward"),
      prepareForward: contextOf("prepareForward"),
      prepareBackward: contextOf("prepareBackward"),
    };
  }

  get size(): number {
    return LinearNorm.#contextsOf("size", this).forward.size;
  }

  forward<T extends HostArray | Matrix>(x: T, options?: ForwardOptions<T, boolean>): SummedForward<T> {
    return forward(LinearNorm.#contextsOf("forward", this).forward, x, options) as SummedForward<T>;
  }

  backward<T extends HostArray | Matrix>(dy: T, x: T, stats?: RowStats, options?: BackwardOptions<T>): Backward<T> {
    return backward(LinearNorm.#contextsOf("backward", this).backward, dy, x, stats, options) as Backward<T>;
  }

  prepareForward(x: Matrix, options?: ForwardOptions<Matrix, boolean>): Prepared<SummedForward<Matrix>> {
    return prepareForward(LinearNorm.#contextsOf("prepareForward", this).prepareForward, x, options);
  }

  prepareBackward(
    dy: Matrix,
    x: Matrix,
    stats?: RowStats | Prepared<Forward<Matrix>>,
    options?: BackwardOptions<Matrix>,
  ): Prepared<Backward<Matrix>> {
    return prepareBackward(LinearNorm.#contextsOf("prepareBackward", this).prepareBackward, dy, x, stats, options);
  }

  /** The contexts of a norm, for one of its methods. Throws if `self` is another object, or a Proxy of a norm. */
  static #contextsOf(method: string, self: LinearNorm): { readonly [Name in Method]: NormContext } {
    try {
      // `#contexts in self` would need no exception, but engines are slow at it.
      return self.#contexts;
    } catch {
      throw notItself(`Norm.${method}`, self);
    }
  }
}
