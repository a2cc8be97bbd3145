{{/* What is wrong with the values, a sentence a line: it names the value, and the fix. */}}

{{- define "parley.problems.access" -}}
{{- with .Values.publicUrl }}
{{- if not (regexMatch "^https?://[^\\s/?#@_]+(/[^\\s?#]*)?$" .) }}
publicUrl is {{ . }}: write https://host, with a port or a path if Twilio's URLs have one, and no user, query, fragment or underscore in the host.
{{- end }}
{{- else }}
publicUrl is empty: write where Twilio reaches the gateway, e.g. --set publicUrl=https://sms.example.com
{{- end }}
{{- $database := .Values.database }}
{{- range list "session" "notifier" }}
{{- if not (index $database .).existingSecret }}
database.{{ . }}.existingSecret is empty: name the Secret with the {{ ternary "password" "URL" (ne $database.host "") }} of the role that owns the schema {{ . }}.
{{- end }}
{{- end }}
{{- if not (regexMatch "^[-.A-Za-z0-9]*$" $database.host) }}
database.host is {{ $database.host }}: write a host's name or address and no more; the rest are database.port, database.name, database.sslMode and Secrets.
{{- end }}
{{- if and $database.host (eq $database.session.user $database.notifier.user) }}
database.session.user and database.notifier.user are both {{ $database.session.user }}: each schema has a role of its own, which sees nothing of the other.
{{- end }}
{{- if and $database.host (hasPrefix "verify-" $database.sslMode) (not $database.ca.existingSecret) }}
database.sslMode is {{ $database.sslMode }}, and there is no CA to verify with: name its Secret in database.ca.existingSecret.
{{- end }}
{{- with .Values.twilio }}
{{- if not .accounts }}
twilio.accounts is empty: name the Secret of your account, e.g. --set twilio.accounts.default.existingSecret=parley-twilio
{{- else if not (hasKey .accounts .sender) }}
twilio.sender is {{ .sender }}, and twilio.accounts has {{ keys .accounts | sortAlpha | join ", " }}: name one of them.
{{- end }}
{{- range $name, $account := .accounts }}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?$" $name) }}
twilio.accounts has {{ $name }}: PhoneNumbers say an account's name in spec.account, of up to 56 lower-case letters, digits and hyphens.
{{- end }}
{{- if not $account.existingSecret }}
twilio.accounts.{{ $name }}.existingSecret is empty: name the Secret with the account's keys.
{{- end }}
{{- end }}
{{- if and .apiUrl (not (regexMatch "^https?://[^\\s/?#@_]+(/[^\\s?#]*)?$" .apiUrl)) }}
twilio.apiUrl is {{ .apiUrl }}: write http(s)://host, without a query or a fragment; or nothing for Twilio itself.
{{- end }}
{{- if not .signatures.existingSecret }}
twilio.signatures.existingSecret is empty: name the Secret with the auth tokens that webhooks are signed with, one AC…=token a line.
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.problems.agents" -}}
{{- $agents := .Values.agents }}
{{- $sources := list }}
{{- if $agents.configMaps }}{{ $sources = append $sources "agents.configMaps" }}{{ end }}
{{- if $agents.volume.existingClaim }}{{ $sources = append $sources "agents.volume.existingClaim" }}{{ end }}
{{- if $agents.image.reference }}{{ $sources = append $sources "agents.image.reference" }}{{ end }}
{{- if $agents.builtIn }}{{ $sources = append $sources "agents.builtIn" }}{{ end }}
{{- if and .Values.agent.enabled (eq (len $sources) 0) }}
No agent: set agents.configMaps, agents.volume.existingClaim, agents.image.reference or agents.builtIn; or agent.enabled=false where all agents are services of your own.
{{- else if gt (len $sources) 1 }}
Agents come from one place, and {{ join " and " $sources }} are set: leave one.
{{- else if and (not .Values.agent.enabled) $sources }}
agent.enabled is false, so {{ first $sources }} would not be served: leave it out, or enable the agent service.
{{- end }}
{{- if and (not .Values.agent.enabled) (not $agents.addresses) }}
agent.enabled is false and agents.addresses is empty, so nobody would answer: say where your own agents are, e.g. agents.addresses: {"*": ["my-agents:50052"]}
{{- end }}
{{- if and $agents.image.reference (eq $agents.image.mode "volume") (semverCompare "<1.31.0-0" .Capabilities.KubeVersion.Version) }}
agents.image.mode is volume, and this cluster is {{ .Capabilities.KubeVersion.Version }}, which knows no image volumes: write copy.
{{- end }}
{{- range $name, $_ := $agents.configMaps }}
{{- if not (regexMatch "^[A-Za-z0-9][-_A-Za-z0-9]*$" $name) }}
agents.configMaps has {{ $name }}: an agent's name is that of its folder, of letters, digits, hyphens and underscores.
{{- end }}
{{- end }}
{{- range $name, $addresses := $agents.addresses }}
{{- if regexMatch "[\\s=,|]" $name }}
agents.addresses has {{ $name }}: an agent's name has no space and none of = , |
{{- end }}
{{- range $addresses }}
{{- if not (regexMatch "^[^\\s=,|]+:[0-9]+$" .) }}
agents.addresses.{{ $name }} has {{ . }}: write host:port, e.g. my-agents:50052
{{- end }}
{{- end }}
{{- end }}
{{- range $agents.names }}
{{- if hasKey $agents.addresses . }}
agents.names and agents.addresses both name {{ . }}: the first are agents of this release, the second are elsewhere.
{{- end }}
{{- end }}
{{- range $agents.env }}
{{- if eq .name "HOME" }}
agents.env has HOME, which is /tmp: nothing else can be written to.
{{- end }}
{{- if hasPrefix "PARLEY_" .name }}
agents.env has {{ .name }}: settings of the service go into agent.extraEnv; what agents see has names of their own.
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.problems.transport" -}}
{{- $tls := .Values.tls }}
{{- $given := or $tls.existingSecret $tls.existingSecrets }}
{{- if $tls.enabled }}
{{- if and $tls.certManager.enabled $given }}
tls.certManager.enabled and tls.existingSecret(s) are both set: let cert-manager make the certificates, or name their Secrets.
{{- else if and $tls.certManager.enabled (not $tls.certManager.issuerRef.name) }}
tls.certManager.issuerRef.name is empty: name an Issuer that signs with a CA of your own.
{{- else if not (or $tls.certManager.enabled $tls.existingSecret) }}
{{- $services := splitList " " (include "parley.services" .) }}
{{- $missing := without $services }}
{{- range keys $tls.existingSecrets }}{{ $missing = without $missing . }}{{ end }}
{{- with $missing }}
tls.enabled is true, and there is no certificate for {{ join ", " . }}: set tls.existingSecret, tls.existingSecrets.{{ first . }} … or tls.certManager.enabled.
{{- end }}
{{- end }}
{{- else if or $given $tls.certManager.enabled }}
tls.{{ ternary "certManager" "existingSecret" $tls.certManager.enabled }} is set and tls.enabled is not: set it too.
{{- else if not .Values.api.existingSecret }}
api.existingSecret is empty: name the Secret with the bearer key of the services, or set tls.enabled. Services that cannot tell their callers do not start.
{{- end }}
{{- $ingress := .Values.ingress }}
{{- if $ingress.enabled }}
{{- if and $ingress.tls.enabled (not $ingress.tls.secretName) }}
ingress.tls.secretName is empty: name the Secret of the certificate, or the one that cert-manager is to make.
{{- end }}
{{- if and $ingress.tls.enabled (hasPrefix "http://" .Values.publicUrl) }}
publicUrl begins with http:// and ingress.tls.enabled is true: Twilio would be redirected, and what it signed would not arrive. Write https://.
{{- end }}
{{- $path := trimSuffix "/" (urlParse .Values.publicUrl).path }}
{{- $outside := list }}
{{- range $ingress.paths }}{{ if not (hasPrefix $path .) }}{{ $outside = append $outside . }}{{ end }}{{ end }}
{{- with $outside }}
publicUrl has the path {{ $path }}, and ingress.paths has {{ join ", " . }}: write {{ $path }}{{ first . }} …, and an annotation that has your controller strip {{ $path }} again.
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.problems.network" -}}
{{- with .Values.telemetry.otlpEndpoint }}
{{- if not (regexMatch "^https?://[^/\\s]+(/\\S*)?$" .) }}
telemetry.otlpEndpoint is {{ . }}: write a URL, e.g. http://collector.observability:4317
{{- end }}
{{- end }}
{{- if and .Values.telemetry.otlpEndpoint .Values.networkPolicy.enabled (not .Values.networkPolicy.collector.to) }}
telemetry.otlpEndpoint is set, and no NetworkPolicy lets spans out: say in networkPolicy.collector.to where the collector is, e.g. [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: observability}}}]
{{- end }}
{{- end }}
