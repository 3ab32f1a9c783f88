// Example operations that tell the main story in order. `variables` may use what earlier answers gave.

const PERSONA = `id
    name
    baseImageStatus
    appearanceLocked`;

const REFUSALS = 'userErrors { code message field }';

/** [{title, about, query, variables(known), files, wants, later}]: `wants` names what an earlier step must have given. */
export const STORY = [
  {
    title: 'Look around',
    about: 'Who am I, and which models can be used here?',
    query: `query LookAround {
  viewer { handle role }
  models(capability: TEXT_TO_IMAGE) {
    key
    name
    provider
    available
    unavailableReason
    note
    sizes { width height }
  }
}`,
    variables: () => ({}),
  },
  {
    title: 'Create a persona',
    about: 'Somebody who must keep looking like themselves.',
    query: `mutation CreatePersona($input: CreatePersonaInput!) {
  createPersona(input: $input) {
    persona {
    ${PERSONA}
      baseAppearanceDescription
    }
    ${REFUSALS}
  }
}`,
    variables: () => ({
      input: {
        name: 'Ada',
        baseAppearanceDescription: 'professional woman in her early 30s, shoulder-length dark hair, warm smile, business attire',
        personality: 'curious, friendly, precise',
      },
    }),
  },
  {
    title: 'Generate a base image',
    about: 'A job with two candidates. Watch it in the next step.',
    query: `mutation GenerateBaseImage($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) {
    job {
      id
      status
      title
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '', count: 2, steps: 20, seed: 42 } }),
    wants: 'subjectId',
  },
  {
    title: 'Watch it live',
    about: 'Every denoise step with a preview; ends with the job.',
    query: `subscription Watch($jobId: ID!) {
  jobProgress(jobId: $jobId) {
    sequence
    status
    phase
    fraction
    queuePosition
    etaSeconds
    message
    variants {
      step
      steps
      fraction
      preview { dataUri }
      variant {
        id
        status
        versionNumber
        thumbnailUrl(size: PX_512)
        failure { message }
      }
    }
  }
}`,
    variables: (known) => ({ jobId: known.jobId ?? '' }),
    wants: 'jobId',
  },
  {
    title: 'See the candidates',
    about: 'All versions there ever were, newest first.',
    query: `query Candidates($id: ID!) {
  node(id: $id) {
    ... on Persona {
    ${PERSONA}
      baseImage { id versionNumber }
      baseImageHistory(first: 10) {
        nodes {
          id
          versionNumber
          status
          source
          seed
          composedPrompt
          generationTimeMs
          fileName
          thumbnailUrl(size: PX_512)
        }
      }
    }
  }
}`,
    variables: (known) => ({ id: known.subjectId ?? '' }),
    wants: 'subjectId',
  },
  {
    title: 'Reject the draft',
    about: 'With a reason, which is kept with the picture.',
    query: `mutation Reject($input: RejectBaseImageInput!) {
  rejectBaseImage(input: $input) {
    subject {
    ${PERSONA}
      baseImage { id versionNumber status }
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '', reason: 'the hair is too short' } }),
    wants: 'subjectId',
  },
  {
    title: 'Refine it',
    about: 'While a draft exists, generating again refines it.',
    query: `mutation Refine($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) {
    job {
      id
      status
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '', steps: 30, negativePrompt: 'short hair' } }),
    wants: 'subjectId',
  },
  {
    title: 'Upload a picture',
    about: 'A PNG, JPEG or WEBP of your own becomes the newest draft. Choose it under Files.',
    query: `mutation Upload($input: UploadBaseImageInput!) {
  uploadBaseImage(input: $input) {
    subject {
    ${PERSONA}
    }
    variant {
      id
      versionNumber
      width
      height
      thumbnailUrl
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '', file: null } }),
    files: 'input.file',
    wants: 'subjectId',
  },
  {
    title: 'Approve it',
    about: 'The appearance is locked from then on.',
    query: `mutation Approve($input: ApproveBaseImageInput!) {
  approveBaseImage(input: $input) {
    subject {
    ${PERSONA}
      baseImage { id url fileName }
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '' } }),
    wants: 'subjectId',
  },
  {
    title: 'Try to change the look',
    about: 'Refused: it is locked. Unlocking is a step of its own.',
    query: `mutation ChangeLook($input: UpdatePersonaInput!) {
  updatePersona(input: $input) {
    persona { id appearance }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '', appearance: 'red hair' } }),
    wants: 'subjectId',
  },
  {
    title: 'Unlock it again',
    about: 'The approved picture becomes a draft, and the look can change.',
    query: `mutation Unlock($input: UnlockAppearanceInput!) {
  unlockAppearance(input: $input) {
    subject {
    ${PERSONA}
    }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { subjectId: known.subjectId ?? '' } }),
    wants: 'subjectId',
  },
  {
    title: 'Cancel a job',
    about: 'Takes effect within one step; finished variants stay.',
    query: `mutation Cancel($input: CancelJobInput!) {
  cancelJob(input: $input) {
    job { id status failedCount }
    ${REFUSALS}
  }
}`,
    variables: (known) => ({ input: { jobId: known.jobId ?? '' } }),
    wants: 'jobId',
  },
  {
    title: 'What is there',
    about: 'My personas and latest jobs.',
    query: `query Everything {
  personas(first: 10) {
    totalCount
    nodes {
    ${PERSONA}
      baseImage { thumbnailUrl }
    }
  }
  jobs(first: 10) {
    nodes {
      id
      title
      status
      createdAt
    }
  }
}`,
    variables: () => ({}),
  },
];

/** Ids in an answer that later steps need: {subjectId, jobId, name}. */
export function learned(body) {
  const found = {};
  for (const payload of Object.values(body?.data ?? {})) {
    if (!payload || typeof payload !== 'object') continue;
    const subject = payload.persona ?? payload.subject;
    if (subject?.id) Object.assign(found, { subjectId: subject.id, name: subject.name ?? null });
    if (payload.job?.id) found.jobId = payload.job.id;
  }
  return found;
}
