/** The build makes it from shared/model/assets.json: symbol, name, and the symbol of the new name, if there is one. */
declare module "virtual:catalogue" {
  const assets: [symbol: string, name: string, renamedTo?: string][];
  export default assets;
}
