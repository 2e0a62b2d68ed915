import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { variables } from '../config/variables.js';
import { tokenEntrypoint } from '../policy/decide.js';
import type { Diagnostic, PolicySource } from '../policy/policy-compiler.js';
import { revisionOf } from '../policy/revision.js';
import { NodePolicyCompiler } from '../platform/policy-compiler/node-policy-compiler.js';
import { runPolicyTests } from '../platform/policy-compiler/run-tests.js';
import { PolicyDirectoryInvalid, readPolicyDirectory } from '../platform/policy-directory.js';
import { CommandFailed } from './command-failed.js';
import { show, type Register, type Surroundings } from './command.js';

interface Json {
  json?: boolean;
}

/** corridor policy check|test|fmt|compile: OPA's own compiler, on a directory, without a running Corridor. */
export const registerPolicy: Register = (program, surroundings) => {
  const policy = program.command('policy').description('check, test, format and compile Rego');

  onDirectory(policy, 'check', 'parse and type-check, strictly').action(async (directory: string | undefined, options: Json) => {
    await withPolicy(surroundings, directory, async (compiler, source, folder) => {
      const { ok, diagnostics } = await compiler.check(source);
      if (!ok) throw refused(diagnostics, folder, options, surroundings);
      show(
        surroundings,
        options.json,
        { ok, diagnostics },
        () => `${Object.keys(source.files).length} files, nothing wrong with them. ${revisionOf(source)}`,
      );
    });
  });

  onDirectory(policy, 'test', 'run the tests, in the interpreter and through the compiled module').action(
    async (directory: string | undefined, options: Json) => {
      await withPolicy(surroundings, directory, async (compiler, source, folder) => {
        const run = await runPolicyTests(compiler, source);
        if (!run.ok) throw refused(run.diagnostics, folder, options, surroundings);
        const failed = run.tests.filter(({ interpreter, module }) => interpreter !== 'pass' || module !== 'pass');
        show(surroundings, options.json, run, () =>
          [
            ...failed.map(({ file, row, package: name, name: rule, interpreter, module, error, output }) =>
              [`${path.join(folder, file)}:${row}: ${name}.${rule}: interpreter ${interpreter}, module ${module}`, error, output]
                .filter(Boolean)
                .join('\n  '),
            ),
            `${run.tests.length - failed.length} passed, ${failed.length} failed, ${run.coverage.percent} % of the rows covered.`,
          ].join('\n'),
        );
        if (!run.passed) throw new CommandFailed(run.tests.length === 0 ? 'There are no tests: name them test_… in *_test.rego.' : '');
      });
    },
  );

  onDirectory(policy, 'fmt', 'write the files as OPA formats them')
    .option('--check', 'change nothing; fail when a file would change')
    .action(async (directory: string | undefined, options: Json & { check?: boolean }) => {
      await withPolicy(surroundings, directory, async (compiler, source, folder) => {
        const formatted = await compiler.format(source.files);
        if (!formatted.ok) throw refused(formatted.diagnostics, folder, options, surroundings);
        const changed = Object.entries(formatted.files).filter(([file, text]) => source.files[file] !== text);
        if (!options.check) for (const [file, text] of changed) await write(path.resolve(surroundings.directory, folder, file), text);
        const files = changed.map(([file]) => file);
        show(
          surroundings,
          options.json,
          { changed: files },
          () => files.map((file) => path.join(folder, file)).join('\n') || 'Everything is formatted.',
        );
        if (options.check && files.length > 0) throw new CommandFailed('');
      });
    });

  onDirectory(policy, 'compile', 'compile to WebAssembly')
    .option('-o, --output <file>', 'where the module goes', 'policy.wasm')
    .action(async (directory: string | undefined, options: Json & { output: string }) => {
      await withPolicy(surroundings, directory, async (compiler, source, folder) => {
        const compiled = await compiler.compile(source, [tokenEntrypoint]);
        if (!compiled.ok) throw refused(compiled.diagnostics, folder, options, surroundings);
        const file = path.resolve(surroundings.directory, options.output);
        await write(file, compiled.module);
        const made = {
          revision: revisionOf(source),
          file,
          bytes: compiled.module.length,
          reads_counters: compiled.readsCounters[tokenEntrypoint],
        };
        show(
          surroundings,
          options.json,
          made,
          () => `${made.file}: ${made.bytes} bytes, entrypoint ${tokenEntrypoint}, of ${made.revision}`,
        );
      });
    });
};

function onDirectory(policy: Command, name: string, description: string): Command {
  return policy
    .command(name)
    .description(description)
    .argument('[directory]', 'CORRIDOR_POLICIES, or policies')
    .option('--json', 'for programs');
}

async function withPolicy(
  { environment, directory: here }: Surroundings,
  named: string | undefined,
  work: (compiler: NodePolicyCompiler, source: PolicySource, folder: string) => Promise<void>,
): Promise<void> {
  const folder = named ?? (environment['CORRIDOR_POLICIES'] || variables.CORRIDOR_POLICIES.default);
  const compiler = new NodePolicyCompiler();
  try {
    await work(compiler, await readPolicyDirectory(path.resolve(here, folder)), folder);
  } catch (error) {
    if (error instanceof PolicyDirectoryInvalid) throw new CommandFailed(error.message);
    throw error;
  } finally {
    await compiler.close();
  }
}

async function write(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${error instanceof Error && 'code' in error ? String(error.code) : 'failed'}`);
  }
}

/** For programs the diagnostics go where the result would have been. */
function refused(diagnostics: readonly Diagnostic[], folder: string, { json }: Json, surroundings: Surroundings): CommandFailed {
  if (json) {
    surroundings.out(JSON.stringify({ ok: false, diagnostics }));
    return new CommandFailed('');
  }
  const problems = diagnostics.map(({ code, message, file, row, column }) => ({
    message: `${code}: ${message}`,
    ...(file === undefined ? {} : { file: path.join(folder, file) }),
    ...(row === undefined ? {} : { line: row }),
    ...(column === undefined ? {} : { column }),
  }));
  return new CommandFailed(`The policy is refused: ${diagnostics.length} problem(s).`, 1, problems);
}
