import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * The licences of everything that is linked into the compiler: Go itself, the Go modules, and the C and C++ sources of OPA's
 * WebAssembly library, which is part of OPA's module as a binary. Each text stands once, with those that it covers.
 */
export function notice(packages /* of `go list -deps -json` */, goRoot) {
  const covered = new Map(); // text -> names
  const cover = (text, name) => {
    const key = text.replaceAll('\r\n', '\n').trim();
    covered.set(key, [...(covered.get(key) ?? []), name]);
  };
  cover(readFileSync(join(goRoot, 'LICENSE'), 'utf8'), 'Go (runtime and standard library)');

  const seen = new Set();
  for (const { Dir: folder, Module: module } of packages) {
    if (module === undefined || module.Main) continue;
    for (const file of licenceFiles(folder, module.Dir)) {
      if (seen.has(file)) continue;
      seen.add(file);
      const part = relative(module.Dir, dirname(file));
      cover(readFileSync(file, 'utf8'), `${module.Path} ${module.Version}${part === '' ? '' : ` (${part})`}`);
    }
    const root = `${module.Path}@`;
    if (![...seen].some((file) => file.startsWith(module.Dir))) throw new Error(`no licence found for ${root}${module.Version}`);
  }
  const opa = packages.find(({ Module: module }) => module?.Path === 'github.com/open-policy-agent/opa').Module;
  for (const [text, origins] of wasmLibraryNotices(join(opa.Dir, 'wasm', 'src'))) {
    cover(text, `OPA's WebAssembly library: ${origins.join(', ')}`);
  }
  cover(re2Licence, "OPA's WebAssembly library: re2");

  const parts = [...covered].map(([text, names]) => `${'='.repeat(80)}\n${names.join('\n')}\n${'-'.repeat(80)}\n\n${text}\n`);
  return `${introduction}\n${parts.join('\n')}`;
}

/** In the package's folder and in those above it, up to the module's. */
function licenceFiles(folder, moduleFolder) {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /^(licen[cs]e|copying|notice|patents)/i.test(entry.name) && !entry.name.endsWith('.go'))
    .map((entry) => join(folder, entry.name))
    .sort();
  return folder === moduleFolder ? files : [...files, ...licenceFiles(dirname(folder), moduleFolder)];
}

/** Comments that hold a copyright, by text, with the folder or file that they stand in. */
function wasmLibraryNotices(folder) {
  const notices = new Map();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const source = readFileSync(file, 'utf8');
    for (const [comment] of source.matchAll(/\/\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n)+/gm)) {
      const text = withoutMarkers(comment);
      if (!/copyright|\(c\) Marco Paland|LLVM Project/i.test(text) || /The RE2 Authors/.test(text)) continue;
      const origin = relative(folder, file).replace(/^(libmpdec|libc\+\+|re2)\/.*/, '$1');
      const origins = notices.get(text) ?? [];
      notices.set(text, origins.includes(origin) ? origins : [...origins, origin]);
    }
  }
  return notices;
}

function withoutMarkers(comment) {
  return comment
    .replace(/^\/\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^[ \t]*(\*|\/\/+)? ?/, '').trimEnd())
    .join('\n')
    .trim();
}

const introduction = `The policy compiler, policy-compiler.wasm.br, is built from the source beside this file and from the software below.
The modules that it compiles policies to hold OPA's WebAssembly library. This file is generated.
`;

// OPA's copy of re2 refers to a LICENSE file that OPA's module does not hold.
const re2Licence = `Copyright (c) 2009 The RE2 Authors. All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are
met:

   * Redistributions of source code must retain the above copyright
notice, this list of conditions and the following disclaimer.
   * Redistributions in binary form must reproduce the above
copyright notice, this list of conditions and the following disclaimer
in the documentation and/or other materials provided with the
distribution.
   * Neither the name of Google Inc. nor the names of its
contributors may be used to endorse or promote products derived from
this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS
"AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT
LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR
A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT
OWNER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT
LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE,
DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY
THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.`;
