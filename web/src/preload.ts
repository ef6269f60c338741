/**
 * How a part of the page that is loaded when it is wanted gets its style sheets: the build calls this in place of its own
 * way, which is a twentieth of all JavaScript that the page loads first, for what this page does not have.
 */

const sheets = new Map<string, Promise<unknown>>();

/** Have these files, all of them style sheets, in the page before what needs them. */
export function __vitePreload<T>(load: () => Promise<T>, files: readonly string[] = []): Promise<T> {
  return Promise.all(files.map(sheet)).then(load);
}

function sheet(file: string): Promise<unknown> {
  const loading = sheets.get(file) ?? new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.onload = resolve;
    link.onerror = () => {
      // The next one who wants it tries anew.
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
