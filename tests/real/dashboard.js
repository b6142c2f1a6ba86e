// node dashboard.js DASHBOARD: judges a dashboard by the types of @grafana/schema, with the compiler of
// typescript. Both are found by NODE_PATH.
const fs = require("fs");
const path = require("path");
const ts = require("typescript");

const dashboard = JSON.parse(fs.readFileSync(process.argv[2]));
const types = path.join(path.dirname(require.resolve("@grafana/schema")), "esm/common/common.gen");
const { panels, ...frame } = dashboard;
const kinds = { row: "RowPanel", timeseries: "Panel<Options, GraphFieldConfig>" };
let program = `
import type { Dashboard, Panel as AnyPanel, RowPanel } from "@grafana/schema";
import type { GraphFieldConfig, OptionsWithTooltip, OptionsWithLegend } from ${JSON.stringify(types)};
type Options = OptionsWithTooltip & OptionsWithLegend;
type Panel<O = Record<string, unknown>, C = Record<string, unknown>> = AnyPanel<O, C>;
// JSON has the values of enumerations, not their names.
type Written<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;
export const frame: Written<Dashboard> = ${JSON.stringify(frame)};
`;
panels.forEach((panel, i) => {
	program += `export const panel${i}: Written<${kinds[panel.type] || "Panel"}> = ${JSON.stringify(panel)};\n`;
});

const options = { noEmit: true, strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2020 };
options.moduleResolution = ts.ModuleResolutionKind.NodeJs;
const name = path.join(path.dirname(require.resolve("typescript")), "../../dashboard.ts"); // beside the types
const host = ts.createCompilerHost(options);
const read = host.getSourceFile.bind(host);
host.getSourceFile = (file, ...rest) =>
	file === name ? ts.createSourceFile(name, program, options.target) : read(file, ...rest);
const found = ts.getPreEmitDiagnostics(ts.createProgram([name], options, host));
for (const problem of found) console.log(ts.flattenDiagnosticMessageText(problem.messageText, "\n"));
process.exit(found.length > 0 ? 1 : 0);
