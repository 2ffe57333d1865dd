import { loadSync } from "adanorm";

const norm = loadSync().layerNorm({ size: 4 });
try {
  norm.forward(new Float32Array(6));
} catch (error) {
  console.log(String(error));
}
