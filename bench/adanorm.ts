/** What `adanorm` means in this folder, which has a package.json of its own: the package as it was built. */
export * from "../build/index.js";
