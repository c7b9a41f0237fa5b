// Takes the React Native client out of the document that shows it, to be compiled and run: node extract.mjs DOCUMENT FILE
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const [documentFile, file] = process.argv.slice(2);
const blocks = [...readFileSync(documentFile, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)];
if (blocks.length !== 1) {
  throw new Error(`${documentFile} must have one block of TypeScript, and has ${blocks.length}.`);
}

mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, blocks[0][1]);
