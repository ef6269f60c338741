/**
 * Loads the style sheets of a part of the page that is loaded on demand. The build calls this instead of its own helper,
 * which is a twentieth of the JavaScript that the page loads first, for features that this page does not use.
 */

const sheets = new Map<string, Promise<unknown>>();

/** Load these style sheets, then the module that needs them. */
export function __vitePreload<T>(load: () => Promise<T>, files: readonly string[] = []): Promise<T> {
  return Promise.all(files.map(sheet)).then(load);
}

function sheet(file: string): Promise<unknown> {
  const loading =
    sheets.get(file) ??
    new Promise((resolve, reject) => {
      const link = document.createElement("link");
      link.onload = resolve;
      link.onerror = () => {
        // The next call tries again.
        link.remove();
        sheets.delete(file);
        reject(new Error(file));
      };
      link.rel = "stylesheet";
      link.href = `/${file}`;
      document.head.append(link);
    });
  sheets.set(file, loading);
  return loading;
}
