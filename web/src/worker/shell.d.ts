/**
 * The build makes it from each language's page and the files that it can use without a network, the page first: those
 * without a hash in their name have one beside it.
 */
declare module "virtual:shell" {
  interface Kept {
    url: string;
    revision: string | null;
  }
  const shell: Record<"index" | "fr", [Kept, ...Kept[]]>;
  export default shell;
}
