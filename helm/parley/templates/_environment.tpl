{{/* The variables of the containers: exactly those that the services' settings have. Secrets come by reference only. */}}

{{/* Of every service. */}}
{{- define "parley.processEnv" -}}
{{- $values := .root.Values }}
- name: HOME
  value: /tmp
- name: PARLEY_LOG_LEVEL
  value: {{ $values.logging.level }}
{{- with $values.logging.pseudonymKey.existingSecret }}
- name: PARLEY_LOG_KEY
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: {{ $values.logging.pseudonymKey.key | quote }}}
{{- end }}
{{- with ternary "" $values.telemetry.otlpEndpoint (eq .name "operator") }}
{{- /* The operator has no part in a text, and makes no spans. */}}
- name: PARLEY_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: PARLEY_TRACE_RATIO
  value: {{ $values.telemetry.traceRatio | quote }}
{{- end }}
{{- if $values.tls.enabled }}
- name: PARLEY_TLS_CERTIFICATE
  value: /etc/parley/tls/{{ $values.tls.certificateKey }}
- name: PARLEY_TLS_KEY
  value: /etc/parley/tls/{{ $values.tls.privateKeyKey }}
- name: PARLEY_TLS_CA
  value: /etc/parley/tls/{{ $values.tls.caKey }}
{{- end }}
{{- end }}

{{/* The bearer key that a service presents. */}}
{{- define "parley.presentedKeyEnv" -}}
{{- with .root.Values.api }}
{{- if .existingSecret }}
- name: PARLEY_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* The bearer keys that a service accepts. */}}
{{- define "parley.acceptedKeysEnv" -}}
{{- with .root.Values.api }}
{{- if .existingSecret }}
- name: PARLEY_API_KEYS
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .acceptedKey | default .key | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* How `schema` (session, notifier) is reached. libpq takes the password from PGPASSWORD, so that it needs no escaping in a URL. */}}
{{- define "parley.databaseEnv" -}}
{{- $database := .root.Values.database }}
{{- $own := index $database .schema }}
{{- $variable := printf "PARLEY_%s_DATABASE_URL" (upper .schema) }}
{{- if $database.host }}
- name: {{ $variable }}
  value: {{ printf "postgresql://%s@%s:%d/%s?sslmode=%s" (urlquery $own.user) $database.host (int $database.port) (urlquery $database.name) $database.sslMode | quote }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $own.existingSecret | quote }}, key: {{ $own.key | quote }}}
{{- else }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {name: {{ $own.existingSecret | quote }}, key: {{ $own.key | quote }}}
{{- end }}
{{- if $database.ca.existingSecret }}
- name: PGSSLROOTCERT
  value: /etc/parley/database/{{ $database.ca.key }}
{{- end }}
{{- end }}

{{/* name=host:port|host:port, ... for every agent. */}}
{{- define "parley.agentAddresses" -}}
{{- $root := .root }}
{{- $own := include "parley.address" (dict "root" $root "name" "agent") }}
{{- $found := list }}
{{- range $name, $addresses := $root.Values.agents.addresses }}
{{- $found = append $found (printf "%s=%s" $name (join "|" $addresses)) }}
{{- end }}
{{- if $root.Values.agent.enabled }}
{{- range $root.Values.agents.names }}
{{- $found = append $found (printf "%s=%s" . $own) }}
{{- end }}
{{- if not (hasKey $root.Values.agents.addresses "*") }}
{{- $found = append $found (printf "*=%s" $own) }}
{{- end }}
{{- end }}
{{- join "," $found }}
{{- end }}

{{- define "parley.gatewayEnv" -}}
- name: PARLEY_GATEWAY_LISTEN
  value: {{ printf "%s:%s" .root.Values.listenAddress (include "parley.port" "gateway") | quote }}
- name: PARLEY_GATEWAY_PUBLIC_URL
  value: {{ .root.Values.publicUrl | quote }}
- name: PARLEY_GATEWAY_SESSION_ADDRESS
  value: {{ include "parley.address" (dict "root" .root "name" "session") }}
- name: PARLEY_GATEWAY_NOTIFIER_ADDRESS
  value: {{ include "parley.address" (dict "root" .root "name" "notifier") }}
- name: PARLEY_GATEWAY_TWILIO_ACCOUNTS_FILE
  value: /etc/parley/signatures/{{ .root.Values.twilio.signatures.key }}
{{- end }}

{{/* What the session service's settings ask for, its migrations' included. */}}
{{- define "parley.sessionEnv" -}}
{{ include "parley.databaseEnv" (dict "root" .root "schema" "session") }}
- name: PARLEY_SESSION_AGENTS
  value: {{ include "parley.agentAddresses" . | quote }}
- name: PARLEY_SESSION_NOTIFIER_ADDRESS
  value: {{ include "parley.address" (dict "root" .root "name" "notifier") }}
{{- end }}

{{/* What the notifier's settings ask for, its migrations' included; no credentials of Twilio's. */}}
{{- define "parley.notifierEnv" -}}
{{ include "parley.databaseEnv" (dict "root" .root "schema" "notifier") }}
- name: PARLEY_NOTIFIER_SESSION_ADDRESS
  value: {{ include "parley.address" (dict "root" .root "name" "session") }}
- name: PARLEY_NOTIFIER_CALLBACK_URL
  value: {{ .root.Values.publicUrl | quote }}
{{- end }}

{{- define "parley.senderEnv" -}}
{{- $account := index .root.Values.twilio.accounts .root.Values.twilio.sender | default dict }}
- name: PARLEY_NOTIFIER_TWILIO_ACCOUNT_SID
  valueFrom:
    secretKeyRef: {name: {{ $account.existingSecret | quote }}, key: account_sid}
{{- if eq ($account.credential | default "apiKey") "apiKey" }}
- name: PARLEY_NOTIFIER_TWILIO_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ $account.existingSecret | quote }}, key: api_key_sid}
- name: PARLEY_NOTIFIER_TWILIO_AUTH_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ $account.existingSecret | quote }}, key: api_key_secret}
{{- else }}
- name: PARLEY_NOTIFIER_TWILIO_AUTH_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ $account.existingSecret | quote }}, key: auth_token}
{{- end }}
{{- with .root.Values.twilio.apiUrl }}
- name: PARLEY_NOTIFIER_TWILIO_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
