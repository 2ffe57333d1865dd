/** Where adanorm, adanorm/url and adanorm/wasm of the installed package are served; defined where the pages are built. */
declare const PACKAGE: { main: string; url: string; wasm: string };
