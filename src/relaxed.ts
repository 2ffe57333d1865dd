/** The bytes of the relaxed build, a bundle of its own: fetched only where it is asked for and can run. */
import bytes from "../build/adanorm.relaxed.wasm";

export default bytes;
