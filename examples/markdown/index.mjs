// Renders Markdown as HTML with `marked`, a dependency from npm that travels in the zip.
import { appendFileSync, readFileSync } from 'node:fs';
import { marked } from 'marked';

const visits = '/tmp/visits';
let invocations = 0;

export async function handler(event, context) {
  invocations += 1;
  appendFileSync(visits, `${context.awsRequestId}\n`);
  const html = await marked.parse(event.markdown);
  console.log(`${event.markdown.length} characters of Markdown became ${html.length} of HTML`);
  return {
    html,
    headings: [...html.matchAll(/<h[1-6][^>]*>(.*?)<\/h[1-6]>/g)].map((match) => match[1]),
    invocationsOfThisProcess: invocations,
    linesInTmp: readFileSync(visits, 'utf8').trim().split('\n').length,
  };
}
