/** How documents become pages: what stays, and where links lead. */
import assert from "node:assert/strict";
import type { Tally } from "../../test/portable/tally.ts";
import { pageOf, repositoryOf } from "../scripts/documents.ts";

const DOCUMENTS = new Map([
  ["README.md", "docs/readme.md"],
  ["docs/numerics.md", "docs/numerics.md"],
  ["examples/worker/README.md", "docs/examples/worker.md"],
]);
const REPOSITORY = "https://example.org/adanorm";

export async function checkDocuments({ test }: Tally): Promise<void> {
  const page = (text: string, repository?: string, document = "README.md") =>
    pageOf(text, document, DOCUMENTS, repository);
  await test("links between documents lead to pages", () => {
    assert.equal(page("[a `b`](docs/numerics.md#c)"), "[a `b`](./numerics.md#c)");
    assert.equal(page("[a](../../docs/numerics.md)", undefined, "examples/worker/README.md"), "[a](../numerics.md)");
    assert.equal(
      page(`[a](${REPOSITORY}/blob/main/examples/worker/README.md)`, REPOSITORY),
      "[a](./examples/worker.md)",
    );
  });
  await test("links to other files lead to the repository, or are text where its address is not known", () => {
    assert.equal(page("[a](src/index.ts)", REPOSITORY), `[a](${REPOSITORY}/blob/main/src/index.ts)`);
    assert.equal(page("[a](src/index.ts)"), "a");
  });
  await test("links out of the repository and inside a page stay", () => {
    for (const text of ["[a](https://example.com/b)", "[a](#b)"]) assert.equal(page(text, REPOSITORY), text);
  });
  await test("pictures are found beside their document", () => {
    assert.equal(page("![a](b/c.svg)", undefined, "docs/numerics.md"), "![a](../../docs/b/c.svg)");
    assert.equal(page('<img src="docs/c.svg">'), '<img src="../../docs/c.svg">');
  });
  await test("code stays", () => {
    for (const text of ["`[a](b.md)`", "```md\n[a](b.md)\n```"]) assert.equal(page(text), text);
  });
  await test("package.json may name the repository in every way that npm knows", () => {
    for (const repository of [`git+${REPOSITORY}.git`, { url: `${REPOSITORY}.git` }, REPOSITORY])
      assert.equal(repositoryOf({ repository }), REPOSITORY);
    assert.equal(repositoryOf({}), undefined);
  });
}
