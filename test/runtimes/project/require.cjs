/** The package in a CommonJS module: prints a sum as JSON. */
const { load } = require("adanorm");

load().then((kernels) => {
  const [sum] = kernels.rows(4).sum(Float32Array.of(1, 2, 3, 4));
  console.log(JSON.stringify(sum));
});
