/** What consoles show of the package's objects. Their state is private, so a console would show no more than braces. */

/** Node, Deno and Bun call a method of this name, and print what it returns. */
const CUSTOM_INSPECT = Symbol.for("nodejs.util.inspect.custom");

type Inspect = (value: unknown, options: object) => string;

/**
 * Gives the objects of a class a name and a view in consoles.
 *
 * @param kind the name, which stays even if a bundler renames the class. Error messages use it too.
 * @param viewOf what is shown of an object. It may throw for a Proxy of one.
 */
export function showAs<T>(type: { prototype: T }, kind: string, viewOf: (self: T) => object): void {
  const define = (on: unknown, name: PropertyKey, value: unknown) => Object.defineProperty(on, name, { value });
  // Consoles of browsers show the name of the class, and private fields.
  define(type, "name", kind);
  define(type.prototype, Symbol.toStringTag, kind);
  define(type.prototype, CUSTOM_INSPECT, function (this: T, depth: number | null, options: object, inspect: Inspect) {
    try {
      if (depth === null || depth >= 0) return `${kind} ${inspect(viewOf(this), { ...options, depth })}`;
    } catch {
      // A Proxy, or the prototype itself, has nothing to show. Printing must not throw.
    }
    return `[${kind}]`;
  });
}
