/** The build makes it from shared/model/assets.json: the asset's code, its name, and its new code, if there is one. */
declare module "virtual:catalogue" {
  const assets: [asset: string, name: string, renamedTo?: string][];
  export default assets;
}
