// The part of the import rule that the linter does not see: `import('../ws/upgrade.js').Upgrade` as a type. In src it is
// written as an import at the head of the file, where no-restricted-imports and no-cycle look.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const IMPORT_TYPE =
  /typeof\s+import\s*\(|(?<!await\s+|\(await\s+)\bimport\s*\(\s*(['"])[^'"]+\1\s*\)\s*\.\s*(?!then\b|catch\b|finally\b)/g;

const source = fileURLToPath(new URL('../src', import.meta.url));
const files = existsSync(source)
  ? readdirSync(source, { encoding: 'utf8', recursive: true }).filter((path) => path.endsWith('.ts'))
  : [];
for (const path of files) {
  const text = readFileSync(join(source, path), 'utf8');
  for (const { index } of text.matchAll(IMPORT_TYPE)) {
    console.error(
      `src/${path}:${text.slice(0, index).split('\n').length}: import type { … } at the head of the file, please`,
    );
    process.exitCode = 1;
  }
}
