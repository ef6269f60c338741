/** Made by the build of shared/model/assets.json: symbol, name, and the name of today where that is another. */
declare module "virtual:catalogue" {
  const assets: [symbol: string, name: string, renamedTo?: string][];
  export default assets;
}
