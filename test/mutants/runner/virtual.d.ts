/** The files with tests, by name: bundle.ts makes it. */
declare module "virtual:files" {
  export const files: Record<string, () => Promise<unknown>>;
}
