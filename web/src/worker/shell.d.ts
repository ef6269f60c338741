/** The build makes it from the page and the files that it names: those without a hash in their name have one beside it. */
declare module "virtual:shell" {
  const shell: { url: string; revision: string | null }[];
  export default shell;
}
