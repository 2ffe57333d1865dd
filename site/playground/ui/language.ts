/**
 * uPlot asks Intl for the language of the browser as soon as it is imported, and cannot go on if Intl does not know it: WebKitGTK
 * in the locale C has the language "C". So this is imported before it.
 */
if (typeof navigator === "object") {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en", configurable: true });
  }
}
