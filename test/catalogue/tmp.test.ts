import { readYaml } from '../../src/catalogue/yaml-text.js';
import { parseCatalogueFile } from '../../src/catalogue/parse-catalogue-file.js';
const M = 1_000_000;
it.each([['[',1],['{a: ',4],['- ',2],['a: ',3],['- a: ',5],['a:\n',3],['k',1],['&a [',4],['!a ',3],['"',1],["'a' ",4],['#\n',2],['- x\n',4],[': ',2],['\n',1],['*a ',3],['a: &a\n',6],['|\n',2],[' ',1],['\t',1],['? a\n',4], [',',1],['---\n',4],['% x\n',4],['a: - ',5],['] ',2],['- [a]\n',6]])('%j', (t, n) => {
  const t0 = Date.now(); const r = parseCatalogueFile(t.repeat(Math.floor(M/n)), 'x'); const ms = Date.now()-t0; if (ms > 1500) console.log(JSON.stringify(t), ms, r.ok ? '' : r.problems[0]);
}, 120000);
it('keys', () => { const t0=Date.now(); const r = parseCatalogueFile('version: 1\npurposes:\n' + Array.from({length:30000},(_, i)=>`  p${i}: { description: x }\n`).join(''),'x'); console.log(r.ok, Date.now()-t0); 
 const t1=Date.now(); const r2 = parseCatalogueFile('version: 1\nruntimes:\n' + Array.from({length:20000},(_, i)=>`  p${i}: { workflows: [x${i}, y] }\n`).join(''),'x'); console.log(r2.ok, Date.now()-t1); }, 120000);
