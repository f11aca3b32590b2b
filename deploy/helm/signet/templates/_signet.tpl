{{- define "signet.name" -}}
{{- $name := .Release.Name }}
{{- if not (contains "signet" $name) }}{{ $name = printf "%s-signet" $name }}{{ end }}
{{- $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "signet.selector" -}}
app.kubernetes.io/name: signet
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "signet.labels" -}}
{{ include "signet.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "signet.image" -}}
{{- .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What cannot work is said before anything is changed. */}}
{{- define "signet.check" -}}
{{- $c := .Values.config }}
{{- $issuer := dig "server" "issuer" "" $c }}
{{- if not $issuer }}{{ fail "config.server.issuer is not set: the https address that browsers will know this server by" }}{{ end }}
{{- if not (hasPrefix "https://" $issuer) }}{{ fail "config.server.issuer must begin with https://" }}{{ end }}
{{- if not .Values.existingSecret }}{{ fail "existingSecret is not set: a secret with master-key, and dsn for Postgres" }}{{ end }}
{{- if dig "storage" "dsn" "" $c }}{{ fail "config.storage.dsn holds a password and belongs into the secret" }}{{ end }}
{{- if or (hasKey $c "master_key") (hasKey $c "master_keys") }}{{ fail "the master key belongs into the secret, as master-key" }}{{ end }}
{{- if and (not .Values.sqlite.enabled) (lt (int .Values.replicas) 1) }}{{ fail "replicas must be 1 or more" }}{{ end }}
{{- end }}

{{- define "signet.config" -}}
{{- $own := dict "server" (dict "listen" ":9400" "internal_listen" ":9401") }}
{{- if and .Values.migrateJob (not .Values.sqlite.enabled) }}{{ $_ := set $own "storage" (dict "migrate" "off") }}{{ end }}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}

{{- define "signet.env" -}}
{{- if not .Values.sqlite.enabled }}
- name: SIGNET_STORAGE_DSN_FILE
  value: /run/secrets/signet/dsn
{{- else }}
- name: TMPDIR
  value: /data # `backup verify` unpacks there; the root is read-only
{{- end }}
- name: SIGNET_MASTER_KEY_FILE
  value: /run/secrets/signet/master-key
- name: GOMEMLIMIT
  value: {{ .Values.memoryLimit | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "signet.pod" -}}
metadata:
  labels:
    {{- include "signet.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "signet.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  securityContext:
    runAsNonRoot: true # no user is named: the image says 65532, OpenShift chooses its own
    {{- with .Values.fsGroup }}
    fsGroup: {{ . }}
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 40 # more than preStop and server.shutdown_grace
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- if not .Values.sqlite.enabled }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{ include "signet.selector" . | nindent 10 }}
  {{- end }}
  containers:
    - name: signet
      image: {{ include "signet.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/signet/config.yaml{{ if .Values.sqlite.enabled }}, --data, /data{{ end }}]
      env:
        {{- include "signet.env" . | trim | nindent 8 }}
      ports:
        - {name: http, containerPort: 9400}
        - {name: metrics, containerPort: 9401}
      startupProbe: # a migration may take this long: 60 times 5 s
        httpGet: {path: /healthz, port: http}
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe: # does not ask the database: a restart would not mend that
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 3
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: 5} # until nobody sends requests here any more
      resources: {{ toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/signet, readOnly: true}
        - {name: secrets, mountPath: /run/secrets/signet, readOnly: true}
        {{- if .Values.sqlite.enabled }}
        - {name: data, mountPath: /data}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: config
      configMap: {name: {{ include "signet.name" . }}}
    - name: secrets
      secret:
        secretName: {{ .Values.existingSecret }}
        defaultMode: 0440
    {{- with .Values.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
